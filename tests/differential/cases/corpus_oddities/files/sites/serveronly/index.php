serveronly index.php
