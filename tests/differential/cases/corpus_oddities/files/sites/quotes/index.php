quotes index.php
