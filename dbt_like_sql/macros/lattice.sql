{#-
Cells of a protected lattice: every table of a list, each broken down by some dimensions at all their levels and at
the total of the others; combinations that hold nobody are cells of zero.

base        relation with a column of leaves for each dimension
period      columns that every cell has (the slice)
dimensions  mapping of column to hierarchy
tables      list of {by: [columns], only: {column: [nodes]}, levels: {column: [levels]}}; one with nothing in `by` is the total
sums        columns that are added up
persons     column counted without repetition, as respondent_count; none: not counted
-#}
{%- macro lattice_cells(base, period, dimensions, tables, sums, persons=none) -%}
{%- if outline %}
select
    {{ (period + (dimensions | list)) | join(", ") }},
    {%- for column in sums %}
    sum({{ column }}) as {{ column }},
    {%- endfor %}
    {% if persons %}count(distinct {{ persons }}){% else %}count(*){% endif %} as respondent_count
from {{ base }}
group by all
{%- else %}
{%- for table in tables %}
{%- set only = table.get("only", {}) %}
{%- set levels = table.get("levels", {}) %}
{% if not loop.first %}union all{% endif %}
select
    grid.*,
    {%- for column in sums %}
    coalesce(held.{{ column }}, 0) as {{ column }},
    {%- endfor %}
    {% if persons %}coalesce(held.respondent_count, 0){% else %}null{% endif %} as respondent_count
from (
    select
        {%- for column in period %}
        slice.{{ column }},
        {%- endfor %}
        {%- for column, name in dimensions.items() %}
        {% if column in table.by %}node_{{ column }}.node{% else %}'{{ total(name) }}'{% endif %} as {{ column }}{{ "," if not loop.last }}
        {%- endfor %}
    from (select distinct {{ period | join(", ") }} from {{ base }}) as slice
    {%- for column in table.by %}
    cross join (
        select distinct node from {{ hierarchy(dimensions[column]) }}
        where level != 'total' {{ among("node", only.get(column)) }} {{ among("level", levels.get(column)) }}
    ) as node_{{ column }}
    {%- endfor %}
) as grid
left join (
    select
        {%- for column in period %}
        base.{{ column }},
        {%- endfor %}
        {%- for column in table.by %}
        node_{{ column }}.node as {{ column }},
        {%- endfor %}
        {%- for column in sums %}
        sum(base.{{ column }}) as {{ column }},
        {%- endfor %}
        {% if persons %}count(distinct base.{{ persons }}){% else %}count(*){% endif %} as respondent_count
    from {% if persons %}{{ base }}{% else %}(
        select {{ (period + table.by) | join(", ") }}
            {%- for column in sums %}, sum({{ column }}) as {{ column }}{% endfor %}
        from {{ base }}
        group by all
    ){% endif %} as base
    {%- for column in table.by %}
    inner join {{ hierarchy(dimensions[column]) }} as node_{{ column }}
        on base.{{ column }} = node_{{ column }}.leaf and node_{{ column }}.level != 'total' {{ among("node_" ~ column ~ ".node", only.get(column)) }}
            {{ among("node_" ~ column ~ ".level", levels.get(column)) }}
    {%- endfor %}
    group by {% for column in period %}base.{{ column }}{{ ", " if not loop.last }}{% endfor %}
        {%- for column in table.by %}, node_{{ column }}.node{% endfor %}
) as held
    on {% for column in period %}grid.{{ column }} = held.{{ column }}{{ " and " if not loop.last }}{% endfor %}
    {%- for column in table.by %} and grid.{{ column }} = held.{{ column }}{% endfor %}
{%- endfor %}
{%- endif %}
{%- endmacro %}

{%- macro among(column, codes) -%}
{%- if codes %}and {{ column }} in ({% for code in codes %}'{{ code }}'{{ ", " if not loop.last }}{% endfor %}){% endif -%}
{%- endmacro %}
