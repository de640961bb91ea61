yii themes/t/views/v.php
