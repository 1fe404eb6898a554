-- Weighted population in private households by country of birth, with the weights as issued.
with person as (
    select
        person.quarter,
        weight.edition,
        person.region_gss,
        person.birth_group,
        weight.analysis_weight,
        case when person.synthetic = weight.synthetic then person.synthetic else 'mixed' end as synthetic
    from {{ ref('core_lfs__quarterly_person') }} as person
    inner join {{ ref('core_lfs__quarterly_published_weight') }} as weight
        on person.quarter = weight.quarter and person.person_id = weight.person_id
    where weight.analysis_weight > 0
)

select
    quarter,
    edition,
    case when grouping(region_gss) = 1 then '{{ united_kingdom }}' else region_gss end as area_code,
    case when grouping(birth_group) = 1 then 'total' else birth_group end as birth_group,
    sum(analysis_weight) as population_count,
    count(*) as respondent_count,
    case when min(synthetic) = max(synthetic) then min(synthetic) else 'mixed' end as synthetic
from person
group by grouping sets (
    (quarter, edition, region_gss, birth_group),
    (quarter, edition, region_gss),
    (quarter, edition, birth_group),
    (quarter, edition)
)
