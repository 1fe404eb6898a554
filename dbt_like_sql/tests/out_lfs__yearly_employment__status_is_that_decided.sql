-- A number stands where the gate says so and nowhere else.
select published.year
from {{ ref('out_lfs__yearly_employment') }} as published
left join {{ ref('est_lfs__yearly_lattice_decision') }} as decision
    on decision.labour_status = 'employed'
        and decision.period_code = cast(published.year as varchar)
        and decision.age_code = '{{ total("age") }}'
        and decision.birth_group = '{{ total("birth") }}'
        and published.year = decision.year
        and published.occupation_code = decision.occupation_code
        and published.industry_group = decision.industry_group
        and published.area_code = decision.area_code
        and published.sex = decision.sex
        and published.work_status = decision.work_status
        and published.qualification_code = decision.qualification_code
where decision.status is distinct from published.status
    or (decision.status in ('ok', 'small_sample')) != (published.employed_count is not null)
    or published.employed_count % {{ param('rounding.weighted_count_multiple') }} != 0
    or published.employed_count < {{ param('reliability.withhold_below') }}
