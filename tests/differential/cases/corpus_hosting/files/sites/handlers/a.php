handlers a.php
