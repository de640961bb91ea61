wiki api.php
