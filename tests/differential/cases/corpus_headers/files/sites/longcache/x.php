longcache x.php
