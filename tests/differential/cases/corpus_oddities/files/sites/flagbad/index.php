flagbad index.php
