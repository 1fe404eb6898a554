-- Population by country of birth and weight vintage, rounded, with the reliability ladder tested on unrounded values.
with area as (
    select code, name from {{ codelist('region_group') }}
    union all
    select '{{ united_kingdom }}' as code, 'United Kingdom' as name
),

graded as (
    select
        control.*,
        case
            when population_count < {{ param('reliability.withhold_below') }} then 'withheld'
            when population_count < {{ param('reliability.flag_below') }} then 'small_sample'
            else 'ok'
        end as status
    from {{ ref('est_population__quarterly_control') }} as control
    inner join {{ codelist('weight_vintage') }} as vintage
        on control.weight_vintage = vintage.code and control.quarter >= vintage.from_quarter -- leaves out the base quarter
)

select
    graded.weight_vintage,
    graded.quarter,
    graded.area_code,
    area.name as area_name,
    graded.birth_group,
    case when graded.status != 'withheld'
        then round(graded.population_count / {{ param('rounding.weighted_count_multiple') }})
            * {{ param('rounding.weighted_count_multiple') }}
    end as population_count,
    -- plus 0.0: a small fall rounds to zero, not to minus zero
    case when graded.status != 'withheld' and graded.previous_year_count >= {{ param('reliability.withhold_below') }}
        then round((graded.population_count - graded.previous_year_count) / {{ param('rounding.weighted_count_multiple') }})
            * {{ param('rounding.weighted_count_multiple') }} + 0.0
    end as yearly_change_count,
    graded.rti_release,
    graded.status,
    true as is_modelled,
    graded.synthetic
from graded
left join area on graded.area_code = area.code
