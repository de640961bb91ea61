handlers tpl/t.tpl
