regexbad index.php
