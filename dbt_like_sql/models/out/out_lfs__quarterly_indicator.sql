-- Levels and rates of employment, unemployment and inactivity by weight vintage; a rate is shown if its level and its base are.
{% from "serving.sql" import rounded, shown %}
{% set activities = {"population": "all", "employment": "employed", "unemployment": "unemployed", "inactivity": "inactive"} %}
{% set key = ["labour_status", "area_code", "sex", "age_code", "birth_group"] %}
with estimate as (
    select
        *,
        case split_part(measure, '_', 1)
            {%- for name, code in activities.items() %}
            when '{{ name }}' then '{{ code }}'
            {%- endfor %}
        end as labour_status,
        case
            when not ends_with(measure, '_rate') then null
            when measure = 'unemployment_rate' then 'active'
            else 'all'
        end as base_status,
        case when breakdown = 'region' then category else '{{ total("area") }}' end as area_code,
        case when breakdown = 'sex' then category else '{{ total("sex") }}' end as sex,
        case when breakdown = 'age_band' then category else age_range end as age_code,
        case when breakdown = 'birth_group' then category else '{{ total("birth") }}' end as birth_group
    from {{ ref('est_lfs__quarterly_estimate') }}
    where breakdown in ('all', 'region', 'sex', 'age_band', 'birth_group') and age_range in ('16+', '16-64')
),

decision as (
    select
        period_code as quarter,
        {{ key | join(", ") }},
        status
    from {{ ref('est_lfs__yearly_lattice_decision') }}
    where length(period_code) = 7
        and occupation_code = '{{ total("occupation") }}'
        and industry_group = '{{ total("industry") }}'
        and work_status = '{{ total("work_status") }}'
        and qualification_code = '{{ total("qualification") }}'
),

graded as (
    select
        estimate.*,
        case
            when decision.status not in ('ok', 'small_sample') then decision.status
            when base.status not in ('ok', 'small_sample') then base.status
            when decision.status = 'small_sample' or base.status = 'small_sample' then 'small_sample'
            when ends_with(estimate.measure, '_level') and estimate.estimate_value < {{ param('reliability.flag_below') }}
                then 'small_sample'
            when estimate.standard_error * 100 > {{ param('precision.acceptable_up_to') }} * abs(estimate.estimate_value)
                then 'small_sample'
            else 'ok'
        end as status
    from estimate
    inner join decision
        on estimate.quarter = decision.quarter
        {%- for column in key %} and estimate.{{ column }} = decision.{{ column }}{% endfor %}
    left join decision as base
        on estimate.quarter = base.quarter and estimate.base_status = base.labour_status
        {%- for column in key[1:] %} and estimate.{{ column }} = base.{{ column }}{% endfor %}
)

select
    quarter,
    weight_vintage,
    breakdown,
    category,
    age_range,
    measure,
    {% for column in ["estimate_value", "standard_error", "lower_bound", "upper_bound"] %}
    case
        when status not in ('ok', 'small_sample') then null
        when ends_with(measure, '_rate') then round({{ column }}, 1)
        else {{ rounded(column, param('rounding.weighted_count_multiple')) }}
    end as {{ column }},
    {% endfor %}
    status,
    false as is_modelled,
    synthetic
from graded
