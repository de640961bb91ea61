requirebad index.php
