handlers tpl/render.php
