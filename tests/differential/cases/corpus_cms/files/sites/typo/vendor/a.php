typo vendor/a.php
