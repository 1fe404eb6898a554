-- A number stands where the gate says so and nowhere else.
select published.year
from {{ ref('out_pay__yearly_cell') }} as published
left join {{ ref('est_pay__yearly_lattice_decision') }} as decision
    using ({{ key_of("est_pay__yearly_lattice") | join(", ") }})
where decision.status is distinct from published.status
    or (decision.status in ('ok', 'small_sample')) != (published.job_count is not null)
    or (decision.status in ('ok', 'small_sample')) != (published.mean_weekly_pay_gbp is not null)
    or (decision.status in ('ok', 'small_sample')) != (published.mean_hourly_pay_gbp is not null)
    or published.job_count % {{ param('rounding.weighted_count_multiple') }} != 0
    or published.job_count < {{ param('reliability.withhold_below') }}
