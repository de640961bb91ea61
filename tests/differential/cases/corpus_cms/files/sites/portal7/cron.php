portal7 cron.php
