-- Predicted weekly paid hours in the cells of predicted pay.
{% from "serving.sql" import rounded, shown %}
select
    year,
    working_pattern,
    occupation_code,
    industry_group,
    area_code,
    sex,
    qualification_code,
    {{ shown("decision.status", "round(cell.hours_bill / cell.job_count, 1)") }} as paid_hours_per_week,
    decision.status,
    true as is_modelled,
    cell.synthetic
from {{ ref('est_pay__yearly_lattice_decision') }} as decision
inner join {{ ref('est_pay__yearly_lattice') }} as cell
    using ({{ key_of("est_pay__yearly_lattice") | join(", ") }})
