cloud status.php
