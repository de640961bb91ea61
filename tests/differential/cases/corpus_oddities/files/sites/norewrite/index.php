norewrite index.php
