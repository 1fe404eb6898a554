-- Cells of the Labour Force Survey by year and quarter: people by labour market status, and by what they do or did last.
-- The newest weights; a year is the sum of its quarters, so that its mean is the sum over their number.
{% from "lattice.sql" import lattice_cells with context %}
{% set dimensions = {
    "labour_status": "labour_status", "occupation_code": "occupation", "industry_group": "industry", "area_code": "area",
    "sex": "sex", "work_status": "work_status", "qualification_code": "qualification", "age_code": "age",
    "birth_group": "birth",
} %}
{% set working = {"labour_status": ["employed"]} %}
{% set having_worked = {"labour_status": ["employed", "unemployed"]} %}
{#- Two dimensions at once are for groups of occupations: of most unit groups the survey has too few people. -#}
{% set groups = {"occupation_code": ["soc2010_minor", "soc2010_sub_major", "soc2010_major", "not_stated"]} %}
with age as (
    select
        control_age_band as band,
        min(cast(lowest as bigint)) as lowest,
        max(case when highest = '' then 200 else cast(highest as bigint) end) as highest
    from {{ codelist('control_age') }}
    group by all
),

person as materialized (
    select
        cast(substr(person.quarter, 1, 4) as bigint) as year,
        person.quarter as period_code,
        weight.weight_vintage,
        person.person_id,
        weight.weight as weight_sum,
        person.economic_activity as labour_status,
        coalesce(
            case person.economic_activity
                when 'employed' then person.soc2010_code
                when 'unemployed' then person.last_soc2010_code
            end, 'not_stated'
        ) as occupation_code,
        coalesce('75-' || industry.industry_75, 'not_stated') as industry_group,
        person.region_gss as area_code,
        person.sex,
        case
            when person.employment_status = 'self_employed' then 'SE'
            when person.employment_status != 'employee' then 'OT'
            when person.working_pattern = 'part_time' then 'PT'
            else 'FT'
        end as work_status,
        coalesce(person.qualification_6, 'not_stated') as qualification_code,
        age.band as age_code,
        person.birth_group,
        case when person.synthetic = weight.synthetic then person.synthetic else 'mixed' end as synthetic
    from {{ ref('core_lfs__quarterly_person') }} as person
    inner join {{ ref('est_lfs__quarterly_weight') }} as weight
        on person.quarter = weight.quarter and person.person_id = weight.person_id
    inner join age
        on person.age_years between age.lowest and age.highest
    left join {{ codelist('industry75_division') }} as industry
        on person.sic2007_division = industry.code
    where person.economic_activity in ('employed', 'unemployed', 'inactive')
),

newest as materialized (
    select * from person where weight_vintage = '{{ newest_vintage }}'
),

yearly as materialized (
    select * replace (cast(year as varchar) as period_code) from newest
),

detailed as (
    {{ lattice_cells("yearly", ["year", "period_code"], dimensions, [
        {"by": ["labour_status", "occupation_code"], "only": having_worked},
        {"by": ["labour_status", "industry_group"], "only": working},
        {"by": ["labour_status", "work_status"], "only": working},
        {"by": ["labour_status", "qualification_code"]},
        {"by": ["labour_status", "occupation_code", "industry_group"], "only": working,
         "levels": {"occupation_code": ["soc2010_major", "soc2010_sub_major", "not_stated"]}},
        {"by": ["labour_status", "occupation_code", "area_code"], "only": having_worked, "levels": groups},
        {"by": ["labour_status", "occupation_code", "sex"], "only": having_worked},
        {"by": ["labour_status", "occupation_code", "work_status"], "only": working, "levels": groups},
        {"by": ["labour_status", "occupation_code", "qualification_code"], "only": having_worked, "levels": groups},
        {"by": ["labour_status", "industry_group", "area_code"], "only": working},
        {"by": ["labour_status", "industry_group", "sex"], "only": working},
        {"by": ["labour_status", "area_code", "work_status"], "only": working},
        {"by": ["labour_status", "area_code", "qualification_code"]},
        {"by": ["labour_status", "sex", "work_status"], "only": working},
        {"by": ["labour_status", "sex", "qualification_code"]},
    ], ["weight_sum"], persons="person_id") }}
),

{% set headline = [
    {"by": []}, {"by": ["labour_status"]},
    {"by": ["area_code"]}, {"by": ["labour_status", "area_code"]},
    {"by": ["sex"]}, {"by": ["labour_status", "sex"]},
    {"by": ["age_code"]}, {"by": ["labour_status", "age_code"]},
    {"by": ["birth_group"]}, {"by": ["labour_status", "birth_group"]},
    {"by": ["area_code", "sex"]}, {"by": ["labour_status", "area_code", "sex"]},
    {"by": ["age_code", "sex"], "only": {"age_code": ["16-64", "65+"]}},
    {"by": ["labour_status", "age_code", "sex"], "only": {"age_code": ["16-64", "65+"]}},
    {"by": ["age_code", "area_code"], "only": {"age_code": ["16-64", "65+"]}},
    {"by": ["labour_status", "age_code", "area_code"], "only": {"age_code": ["16-64", "65+"]}},
] %}
headline_of_years as (
    {{ lattice_cells("yearly", ["year", "period_code"], dimensions, headline,
        ["weight_sum"], persons="person_id") }}
),

headline_of_quarters as (
    {{ lattice_cells("newest", ["year", "period_code"], dimensions, headline,
        ["weight_sum"], persons="person_id") }}
),

headline_of_vintages as (
    {{ lattice_cells("person", ["year", "period_code", "weight_vintage"], dimensions, headline,
        ["weight_sum"]) }}
),

least as (
    select
        period_code,
        {{ dimensions | join(", ") }},
        min(weight_sum) as least_count
    from headline_of_vintages
    group by all
),

cell as (
    select * from detailed
    union all
    select * from headline_of_years
    union all
    select * from headline_of_quarters
),

flag as (
    select
        year,
        count(distinct period_code) as quarters,
        case when min(synthetic) = max(synthetic) then min(synthetic) else 'mixed' end as synthetic
    from newest
    group by year
)

select
    cell.year,
    cell.period_code,
    {% for column in dimensions %}cell.{{ column }}, {% endfor %}
    cell.weight_sum,
    cell.weight_sum / case when length(cell.period_code) = 4 then flag.quarters else 1 end as person_count,
    coalesce(least.least_count, cell.weight_sum / flag.quarters) as least_count,
    cell.respondent_count,
    flag.synthetic
from cell
inner join flag
    on cell.year = flag.year
left join least
    on cell.period_code = least.period_code
    {%- for column in dimensions %} and cell.{{ column }} = least.{{ column }}{% endfor %}
