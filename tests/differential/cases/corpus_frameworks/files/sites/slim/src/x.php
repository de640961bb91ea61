slim src/x.php
