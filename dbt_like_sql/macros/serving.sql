{#- A number of a cell that may be shown, null of any other. -#}
{%- macro shown(status, number) -%}
case when {{ status }} in ('ok', 'small_sample') then {{ number }} end
{%- endmacro %}

{#- Nearest multiple; plus 0.0, so that a small fall rounds to zero and not to minus zero. -#}
{%- macro rounded(number, multiple) -%}
round({{ number }} / {{ multiple }}) * {{ multiple }} + 0.0
{%- endmacro %}
