requireempty index.php
