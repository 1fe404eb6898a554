-- Deciles and quartiles of predicted weekly pay, where the cell may be shown and there are jobs enough on both sides.
{% from "serving.sql" import rounded, shown %}
with graded as (
    select
        quantile.*,
        case
            when least(quantile.quantile_percent, 100 - quantile.quantile_percent) / 100.0 * cell.respondent_count
                < {{ param('contributors.withhold_below') }} then 'withheld'
            else decision.status
        end as status
    from {{ ref('est_pay__yearly_quantile') }} as quantile
    inner join {{ ref('est_pay__yearly_lattice_decision') }} as decision
        on quantile.year = decision.year
            and quantile.working_pattern = decision.working_pattern
            and quantile.soc2010_code = decision.occupation_code
            and quantile.area_code = decision.area_code
            and decision.industry_group = '{{ total("industry") }}'
            and decision.sex = '{{ total("sex") }}'
            and decision.qualification_code = '{{ total("qualification_9") }}'
    inner join {{ ref('est_pay__yearly_lattice') }} as cell
        on decision.year = cell.year
            and decision.working_pattern = cell.working_pattern
            and decision.occupation_code = cell.occupation_code
            and decision.area_code = cell.area_code
            and decision.industry_group = cell.industry_group
            and decision.sex = cell.sex
            and decision.qualification_code = cell.qualification_code
)

select
    year,
    working_pattern,
    soc2010_code,
    area_code,
    quantile_percent,
    {{ shown("status", "round(weekly_pay_gbp, 0)") }} as weekly_pay_gbp,
    status,
    true as is_modelled,
    synthetic
from graded
