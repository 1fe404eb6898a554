-- Cells of predicted pay and hours in every combination that a mart may show.
{% from "lattice.sql" import lattice_cells with context %}
{% set dimensions = {
    "working_pattern": "working_pattern", "occupation_code": "occupation", "industry_group": "industry", "area_code": "area",
    "sex": "sex", "qualification_code": "qualification_9",
} %}
with job as materialized (
    select
        pay.year,
        pay.working_pattern,
        pay.soc2010_code as occupation_code,
        '75-' || pay.industry_75 as industry_group,
        pay.work_region_gss as area_code,
        pay.sex,
        '9-' || pay.qualification_9 as qualification_code,
        pay.job_count,
        pay.pay_bill_gbp,
        hours.hours_bill,
        case when pay.synthetic = hours.synthetic then pay.synthetic else 'mixed' end as synthetic
    from {{ ref('est_pay__yearly_cell') }} as pay
    inner join {{ ref('est_hours__yearly_cell') }} as hours
        using (year, working_pattern, soc2010_code, work_region_gss, sex, qualification_9, industry_75)
),

{% set tables = [
    [], ["occupation_code"], ["industry_group"], ["area_code"], ["sex"], ["qualification_code"],
    ["occupation_code", "industry_group"], ["occupation_code", "area_code"], ["occupation_code", "sex"],
    ["occupation_code", "qualification_code"], ["area_code", "sex"], ["area_code", "qualification_code"],
    ["industry_group", "sex"], ["sex", "qualification_code"],
] %}
{% set found = [] %}
{% for table in tables %}
{% set both = "industry_group" in table and "occupation_code" in table %}
{#- Occupation by industry is for groups of occupations, and not by working pattern: most cells hold too few jobs. -#}
{% set levels = {"occupation_code": ["soc2010_minor", "soc2010_sub_major", "soc2010_major"]} if both else {} %}
{% for pattern in ([[]] if both else [[], ["working_pattern"]]) %}
{% if found.append({"by": pattern + table, "levels": levels}) %}{% endif %}
{% endfor %}
{% endfor %}
cell as (
    {{ lattice_cells("job", ["year"], dimensions, found, ["job_count", "pay_bill_gbp", "hours_bill"]) }}
),

-- Records of the occupation in the two years that are pooled.
record as (
    select
        pooled.year,
        node.node as occupation_code,
        count(*) as respondent_count
    from {{ ref('core_ashe__yearly_job') }} as held
    inner join (select distinct year from job) as pooled
        on held.year in (pooled.year, pooled.year - 1)
    inner join {{ hierarchy('occupation') }} as node
        on held.soc2010_code = node.leaf
    where held.is_usual_pay
    group by pooled.year, node.node
),

flag as (
    select
        job.year,
        case when min(job.synthetic) = max(job.synthetic) then min(job.synthetic) else 'mixed' end as synthetic,
        bool_or(factor.pay_mode = 'secure') as is_secure
    from job
    inner join {{ ref('est_pay__yearly_factor') }} as factor
        on job.year = factor.year and factor.term = 'region' and factor.pay_basis = 'weekly'
            and factor.working_pattern = job.working_pattern and factor.term_level = job.area_code
    group by job.year
)

select
    cell.year,
    {% for column in dimensions %}cell.{{ column }}, {% endfor %}
    cell.job_count,
    cell.pay_bill_gbp,
    cell.hours_bill,
    case when flag.is_secure then coalesce(record.respondent_count, 0) end as respondent_count,
    flag.synthetic
from cell
inner join flag
    on cell.year = flag.year
left join record
    on cell.year = record.year and cell.occupation_code = record.occupation_code
