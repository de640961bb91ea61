portal7 sites/default/settings.php
