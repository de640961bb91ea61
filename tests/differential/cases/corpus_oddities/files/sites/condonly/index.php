condonly index.php
