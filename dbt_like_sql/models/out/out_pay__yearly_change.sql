-- Change in mean weekly pay on the year before, where it can be told from noise and both years' cells may be shown.
{% from "serving.sql" import rounded, shown %}
with decision as (
    select
        year,
        occupation_code,
        area_code,
        status
    from {{ ref('est_pay__yearly_lattice_decision') }}
    where working_pattern = '{{ total("working_pattern") }}'
        and industry_group = '{{ total("industry") }}'
        and sex = '{{ total("sex") }}'
        and qualification_code = '{{ total("qualification_9") }}'
),

graded as (
    select
        change.*,
        case
            when change.status = 'withheld' or this_year.status = 'withheld' or year_before.status = 'withheld' then 'withheld'
            -- A year before that was not decided on: a level and its change would give it away.
            when year_before.status is null and this_year.status != 'ok' then 'withheld'
            when this_year.status = 'small_sample' or year_before.status = 'small_sample' then 'small_sample'
            else change.status
        end as shown_status
    from {{ ref('est_pay__yearly_change') }} as change
    inner join decision as this_year
        on change.year = this_year.year
            and change.soc2010_code = this_year.occupation_code
            and change.area_code = this_year.area_code
    left join decision as year_before
        on change.year = year_before.year + 1
            and change.soc2010_code = year_before.occupation_code
            and change.area_code = year_before.area_code
)

select
    year,
    soc2010_code,
    area_code,
    {{ shown("shown_status", "round(change_percent, 1)") }} as change_percent,
    {{ shown("shown_status", "round(change_error, 1)") }} as change_error,
    shown_status as status,
    true as is_modelled,
    synthetic
from graded
