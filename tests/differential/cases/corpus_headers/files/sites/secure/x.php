secure x.php
