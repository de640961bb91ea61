cloud lib/base.php
