igniter system/core/x.php
