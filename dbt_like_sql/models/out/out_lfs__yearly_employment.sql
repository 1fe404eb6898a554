-- People in employment by occupation, industry, region, sex, status and qualification; means of the quarters of the year.
{% from "serving.sql" import rounded, shown %}
select
    year,
    decision.occupation_code,
    decision.industry_group,
    decision.area_code,
    decision.sex,
    decision.work_status,
    decision.qualification_code,
    {{ shown("decision.status", rounded("cell.person_count", param('rounding.weighted_count_multiple'))) }} as employed_count,
    decision.status,
    false as is_modelled,
    cell.synthetic
from {{ ref('est_lfs__yearly_lattice_decision') }} as decision
inner join {{ ref('est_lfs__yearly_lattice') }} as cell
    using ({{ key_of("est_lfs__yearly_lattice") | join(", ") }})
where labour_status = 'employed'
    and period_code = cast(year as varchar)
    and age_code = '{{ total("age") }}'
    and birth_group = '{{ total("birth") }}'
