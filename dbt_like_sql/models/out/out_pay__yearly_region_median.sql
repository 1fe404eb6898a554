-- Median hourly pay without overtime by area of residence, as published in the newest release of each year.
{% from "serving.sql" import shown %}
with area as (
    select code, name from {{ codelist('region') }}
    union
    select code, name from {{ codelist('nation') }}
    union
    select '{{ united_kingdom }}' as code, 'United Kingdom' as name
),

issued as (
    select
        *,
        list_position(
            ['provisional', 'unstated', 'revised'], split_part(split_part(release, '-', 2), '+', 1)
        ) as finality
    from {{ ref('core_ashe__yearly_published') }}
    where ashe_table = '8.6' and measure = 'hourly_excl_overtime' and statistic = 'median'
),

newest as (
    select *
    from issued
    qualify rank() over (partition by year order by finality desc, release desc) = 1
),

graded as (
    select
        newest.*,
        area.name as area_name,
        -- without its table of coefficients, an estimate still has the band its fill stands for
        coalesce(newest.cv_percent, cast(nullif(band.upper, '') as double)) as cv_at_most
    from newest
    inner join area on newest.area_code = area.code
    left join {{ codelist('quality_band') }} as band on newest.quality_band = band.code
),

decided as (
    select
        *,
        case
            when cell_marker = ':' then 'not_applicable'
            when cell_marker is not null or value is null then 'withheld'
            when cv_at_most > {{ param('precision.acceptable_up_to') }} then 'withheld'
            when cv_at_most <= {{ param('precision.reasonably_precise_up_to') }} then 'ok'
            else 'small_sample'
        end as status
    from graded
)

select
    year,
    release,
    area_code,
    area_name,
    sex,
    working_pattern,
    {{ shown("status", "value") }} as median_hourly_gbp,
    {{ shown("status", "cv_percent") }} as cv_percent,
    status,
    false as is_modelled,
    synthetic
from decided
