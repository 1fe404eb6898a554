-- Deciles and quartiles of predicted weekly pay, where the cell may be shown and there are jobs enough on both sides.
{% from "serving.sql" import rounded, shown %}
with cell as (
    select
        year,
        working_pattern,
        occupation_code,
        area_code,
        lattice.respondent_count,
        decision.status
    from {{ ref('est_pay__yearly_lattice_decision') }} as decision
    inner join {{ ref('est_pay__yearly_lattice') }} as lattice
        using ({{ key_of("est_pay__yearly_lattice") | join(", ") }})
    where industry_group = '{{ total("industry") }}'
        and sex = '{{ total("sex") }}'
        and qualification_code = '{{ total("qualification_9") }}'
),

graded as (
    select
        quantile.*,
        case
            when least(quantile.quantile_percent, 100 - quantile.quantile_percent) / 100.0 * cell.respondent_count
                < {{ param('contributors.withhold_below') }} then 'withheld'
            else cell.status
        end as status
    from {{ ref('est_pay__yearly_quantile') }} as quantile
    inner join cell
        on quantile.year = cell.year
            and quantile.working_pattern = cell.working_pattern
            and quantile.soc2010_code = cell.occupation_code
            and quantile.area_code = cell.area_code
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
