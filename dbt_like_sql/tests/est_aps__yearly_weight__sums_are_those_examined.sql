-- Every slice still holds the weights whose quality was examined when it was written: as many, of the same sum.
with held as (
    select weight_vintage, quarter, count(*) as persons, sum(weight) as weighted
    from {{ ref('est_aps__yearly_weight') }}
    group by all
),

examined as (
    select weight_vintage, quarter, respondent_count, weighted_count
    from {{ ref('est_lfs__quarterly_weighting') }}
    where dataset_name = 'aps_person' and area_code = '{{ united_kingdom }}'
)

select *
from held
full join examined using (weight_vintage, quarter)
where held.persons is distinct from examined.respondent_count
    or coalesce(abs(held.weighted / examined.weighted_count - 1) > 1e-9, true)
