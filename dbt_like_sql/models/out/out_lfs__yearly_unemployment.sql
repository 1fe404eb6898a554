-- Unemployed people by their last occupation, region, sex and qualification, and their share of the economically active.
{% from "serving.sql" import rounded, shown %}
with cell as (
    select
        *,
        cast(year as varchar) as this_year
    from {{ ref('est_lfs__yearly_lattice') }} as cell
    inner join {{ ref('est_lfs__yearly_lattice_decision') }} as decision
        using ({{ key_of("est_lfs__yearly_lattice") | join(", ") }})
    where work_status = '{{ total("work_status") }}'
        and industry_group = '{{ total("industry") }}'
        and age_code = '{{ total("age") }}'
        and birth_group = '{{ total("birth") }}'
)

select
    unemployed.year,
    unemployed.occupation_code,
    unemployed.area_code,
    unemployed.sex,
    unemployed.qualification_code,
    {{ shown("unemployed.status", rounded("unemployed.person_count", param('rounding.weighted_count_multiple'))) }} as unemployment_count,
    case
        when unemployed.status in ('ok', 'small_sample') and employed.status in ('ok', 'small_sample')
            then round(100.0 * unemployed.person_count / (unemployed.person_count + employed.person_count), 1)
    end as unemployment_rate,
    unemployed.status,
    false as is_modelled,
    unemployed.synthetic
from cell as unemployed
inner join cell as employed
    on unemployed.year = employed.year
        and unemployed.period_code = employed.period_code
        and unemployed.occupation_code = employed.occupation_code
        and unemployed.area_code = employed.area_code
        and unemployed.sex = employed.sex
        and unemployed.qualification_code = employed.qualification_code
        and employed.labour_status = 'employed'
where unemployed.labour_status = 'unemployed' and unemployed.period_code = unemployed.this_year
