condbad index.php
