flat tests/t.php
