location index.php
