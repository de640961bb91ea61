uploads up/x.php
