-- Predicted pay by occupation, industry, region, sex and qualification: ratios of the sums of a cell.
{% from "serving.sql" import rounded, shown %}
select
    year,
    working_pattern,
    occupation_code,
    industry_group,
    area_code,
    sex,
    qualification_code,
    {{ shown("decision.status", rounded("cell.job_count", param('rounding.weighted_count_multiple'))) }} as job_count,
    {{ shown("decision.status", "round(cell.pay_bill_gbp / cell.job_count, 0)") }} as mean_weekly_pay_gbp,
    {{ shown("decision.status", "round(cell.pay_bill_gbp / cell.hours_bill, 2)") }} as mean_hourly_pay_gbp,
    decision.status,
    true as is_modelled,
    cell.synthetic
from {{ ref('est_pay__yearly_lattice_decision') }} as decision
inner join {{ ref('est_pay__yearly_lattice') }} as cell
    using ({{ key_of("est_pay__yearly_lattice") | join(", ") }})
