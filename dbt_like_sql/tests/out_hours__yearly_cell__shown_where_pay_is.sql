-- Hours and pay of a cell are shown together or not at all.
select hours.year
from {{ ref('out_hours__yearly_cell') }} as hours
full join {{ ref('out_pay__yearly_cell') }} as pay
    using (year, working_pattern, occupation_code, industry_group, area_code, sex, qualification_code)
where hours.status is distinct from pay.status
    or (hours.paid_hours_per_week is null) != (pay.mean_weekly_pay_gbp is null)
