wiki images/a/ab/evil.php
