overridelist index.php
