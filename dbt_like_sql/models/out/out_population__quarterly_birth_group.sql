-- Population by country of birth and weight vintage, rounded, with the reliability ladder tested on unrounded values.
{% from "serving.sql" import rounded, shown %}
with area as (
    select code, name from {{ codelist('region_group') }}
    union all
    select '{{ united_kingdom }}' as code, 'United Kingdom' as name
),

decision as (
    select quarter, area_code, birth_group, status from {{ ref('est_population__quarterly_lattice_decision') }}
),

graded as (
    select
        control.*,
        decision.status,
        coalesce(year_before.status, case
            when control.previous_year_count < {{ param('reliability.withhold_below') }} then 'withheld'
            else 'ok'
        end) as status_before
    from {{ ref('est_population__quarterly_control') }} as control
    inner join {{ codelist('weight_vintage') }} as vintage
        on control.weight_vintage = vintage.code and control.quarter >= vintage.from_quarter -- leaves out the base quarter
    inner join decision
        on control.quarter = decision.quarter
            and control.area_code = decision.area_code
            and control.birth_group = decision.birth_group
    left join decision as year_before
        on cast(cast(substr(control.quarter, 1, 4) as bigint) - 1 as varchar) || substr(control.quarter, 5) = year_before.quarter
            and control.area_code = year_before.area_code
            and control.birth_group = year_before.birth_group
)

select
    graded.weight_vintage,
    graded.quarter,
    graded.area_code,
    area.name as area_name,
    graded.birth_group,
    {{ shown("graded.status", rounded("graded.population_count", param('rounding.weighted_count_multiple'))) }} as population_count,
    case
        when graded.status_before in ('ok', 'small_sample') then {{ shown("graded.status", rounded(
            "(graded.population_count - graded.previous_year_count)", param('rounding.weighted_count_multiple')
        )) }}
    end as yearly_change_count,
    graded.rti_release,
    graded.status,
    true as is_modelled,
    graded.synthetic
from graded
left join area on graded.area_code = area.code
