portal7 update.php
