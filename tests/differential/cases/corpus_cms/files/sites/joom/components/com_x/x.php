joom components/com_x/x.php
