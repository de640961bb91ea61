portal7 sites/default/files/evil.php
