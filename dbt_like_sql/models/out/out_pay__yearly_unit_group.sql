-- Mean pay of unit groups, estimated with 80 % intervals from published tables alone, beside what was published; imprecise ones
-- are flagged or withheld.
{% from "serving.sql" import rounded, shown %}
with graded as (
    select
        *,
        -- 1.2816 standard errors on each side are an 80 % interval.
        100 * (interval_high - interval_low) / 2 / 1.2816 / pay_estimate as cv_implied
    from {{ ref('est_pay__yearly_unit_group') }}
),

decided as (
    select
        *,
        case
            when cv_implied > {{ param('precision.acceptable_up_to') }} then 'withheld'
            when cv_implied > {{ param('precision.reasonably_precise_up_to') }} then 'small_sample'
            else 'ok'
        end as status
    from graded
)

select
    year,
    soc_edition,
    pay_basis,
    sex,
    working_pattern,
    occupation_code,
    {% for column in ["pay_estimate", "interval_low", "interval_high", "published_mean"] %}
    {{ shown("status", "round(" ~ column ~ ", case pay_basis when 'hourly' then 2 when 'hours' then 1 else 0 end)") }} as {{ column }},
    {% endfor %}
    status,
    true as is_modelled,
    synthetic
from decided
