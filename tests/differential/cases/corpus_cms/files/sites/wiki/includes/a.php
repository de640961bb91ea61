wiki includes/a.php
